-- sizes.lua: how many fields each of some hashes has.
-- KEYS[i] hash   ARGV: none
-- returns a number for each, 0 for one that is not there
local sizes = {}
for i, key in ipairs(KEYS) do
  sizes[i] = redis.call('HLEN', key)
end
return sizes
