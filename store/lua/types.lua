-- types.lua: which type each of some keys has. Reads only.
-- KEYS[i] any key   ARGV: none
-- returns the type of each, `none` for one that is not there
local types = {}
for i, key in ipairs(KEYS) do
  types[i] = redis.call('TYPE', key).ok
end
return types
