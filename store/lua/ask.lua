-- ask.lua: put message ids into the list that the binder asks query_sm for, unless the gateway does not know query_sm.
-- KEYS[1] queries list  KEYS[2] off string
-- ARGV[1] lifetime of the list in seconds  ARGV[2] 1: before all others, 0: behind them  ARGV[3..] entries
-- returns how many were put there; -1 when asking is switched off
if redis.call('EXISTS', KEYS[2]) == 1 then return -1 end
for a = 3, #ARGV do redis.call(ARGV[2] == '1' and 'LPUSH' or 'RPUSH', KEYS[1], ARGV[a]) end
redis.call('EXPIRE', KEYS[1], ARGV[1])
return #ARGV - 2
