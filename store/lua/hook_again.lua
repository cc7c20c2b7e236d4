-- hook_again.lua: a try of a webhook failed: the event is due again later.
-- KEYS[1] hooks sorted set  KEYS[2] queue of the host, sorted set  KEYS[3] hooked hash
-- ARGV[1] event id  ARGV[2] event, packed  ARGV[3] when it is due (ms)  ARGV[4] host
-- returns 1, or 0 when it is gone already (another worker's try went well, or it was erased)
-- uses: lib_form lib_hook
if redis.call('HEXISTS', KEYS[3], ARGV[1]) == 0 then return 0 end
redis.call('HSET', KEYS[3], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[2], ARGV[3], ARGV[1])
look_at(KEYS[1], KEYS[2], ARGV[4])
return 1
