-- find.lua: the refs of message ids, looked up in the indexes of several days. Reads only.
-- KEYS: for each message id, one index hash for each day, in the order of looking
-- ARGV[1] number of days  ARGV[2..] message ids
-- returns a ref for each message id, '' when no day knows it
local days = tonumber(ARGV[1])
local refs = {}
for i = 2, #ARGV do
  local ref = ''
  for d = 1, days do
    local found = redis.call('HGET', KEYS[(i - 2) * days + d], ARGV[i])
    if found then
      ref = found
      break
    end
  end
  refs[i - 1] = ref
end
return refs
