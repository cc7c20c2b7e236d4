-- hook_bury.lua: an event is given up: kept among the undelivered, for an operator.
-- KEYS[1] hooks sorted set  KEYS[2] queue of the host, sorted set  KEYS[3] hooked hash  KEYS[4] undelivered stream
-- ARGV[1] event id  ARGV[2] host  ARGV[3] most entries of the stream  ARGV[4] event, packed  ARGV[5] why
-- returns 1, or 0 when it is gone already
-- uses: lib_form lib_hook
if redis.call('HDEL', KEYS[3], ARGV[1]) == 0 then return 0 end
redis.call('ZREM', KEYS[2], ARGV[1])
look_at(KEYS[1], KEYS[2], ARGV[2])
redis.call('XADD', KEYS[4], 'MAXLEN', '~', ARGV[3], '*', 'i', ARGV[1], 'e', ARGV[4], 'why', ARGV[5])
return 1
