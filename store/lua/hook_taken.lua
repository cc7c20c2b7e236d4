-- hook_taken.lua: the webhook has taken an event.
-- KEYS[1] hooks sorted set  KEYS[2] queue of the host, sorted set  KEYS[3] hooked hash
-- ARGV[1] event id  ARGV[2] host
-- returns 1, or 0 when it is gone already
-- uses: lib_form lib_hook
redis.call('HDEL', KEYS[3], ARGV[1])
local removed = redis.call('ZREM', KEYS[2], ARGV[1])
look_at(KEYS[1], KEYS[2], ARGV[2])
return removed
