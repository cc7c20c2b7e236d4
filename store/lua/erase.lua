-- erase.lua: a number is forgotten: masked in its job, whose text is deleted. What is on its way needs both.
-- KEYS[1] job hash  KEYS[2] content string
-- ARGV[1] number  ARGV[2] what stands in its place
-- returns erased | pending (not admitted: cancel it first) | open (a segment is not settled) | other (not to it, or gone)
local v = redis.call('HMGET', KEYS[1], 't', 'n', 'e', '1')
if v[1] ~= ARGV[1] then return 'other' end
if not v[3] or string.find(v[3], '^aside:') then
  if not v[4] then return 'pending' end
  for number = 1, tonumber(v[2] or '1') do
    if string.find('QWSH', string.sub(redis.call('HGET', KEYS[1], number) or 'x', 1, 1), 1, true) then return 'open' end
  end
end
redis.call('HSET', KEYS[1], 't', ARGV[2])
redis.call('DEL', KEYS[2])
return 'erased'
