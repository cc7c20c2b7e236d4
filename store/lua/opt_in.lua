-- opt_in.lua: numbers want messages again.
-- KEYS[1] opted-out count integer  KEYS[2] recent sorted set; then one for each number: its bucket hash
-- ARGV: a field for each number, as in opt_out.lua
-- returns an integer for each: 1 it was opted out, 0 it was not
-- uses: lib_form
local results = {}
for i, field in ipairs(ARGV) do
  local was = redis.call('HDEL', KEYS[i + 2], field)
  redis.call('ZREM', KEYS[2], field)
  if was == 1 and redis.call('DECR', KEYS[1]) <= 0 then redis.call('DEL', KEYS[1]) end
  results[#results + 1] = was
end
return results
