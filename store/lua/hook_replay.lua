-- hook_replay.lua: an event that was given up is due again.
-- KEYS[1] hooks sorted set  KEYS[2] queue of the host, sorted set  KEYS[3] hooked hash  KEYS[4] undelivered stream
-- ARGV[1] event id  ARGV[2] event, packed  ARGV[3] when it is due (ms)  ARGV[4] host
-- ARGV[5] entry id of the undelivered
-- returns 1, or 0 when it is not there any more
-- uses: lib_form lib_hook
if redis.call('XDEL', KEYS[4], ARGV[5]) == 0 then return 0 end
redis.call('HSET', KEYS[3], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[2], ARGV[3], ARGV[1])
look_at(KEYS[1], KEYS[2], ARGV[4])
return 1
