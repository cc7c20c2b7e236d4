-- ask_no_more.lua: switch query_sm off for a while; what waits to be asked is forgotten.
-- KEYS[1] off string  KEYS[2] queries list  KEYS[3] silent count
-- ARGV[1] reason  ARGV[2] for how many seconds
-- returns 1 when this switched it off, 0 when it was off: then nothing was changed
if not redis.call('SET', KEYS[1], ARGV[1], 'NX', 'EX', ARGV[2]) then return 0 end
redis.call('DEL', KEYS[2], KEYS[3])
return 1
