-- hook_add.lua: move an event from the outbox into the schedule of its host's webhooks.
-- KEYS[1] hooks sorted set  KEYS[2] queue of the host, sorted set  KEYS[3] hooked hash  KEYS[4] outbox stream
-- ARGV[1] event id  ARGV[2] event, packed  ARGV[3] when it is due (ms)  ARGV[4] host
-- ARGV[5] consumer group  ARGV[6] entry id of the outbox
-- returns 1 moved, 0 the entry is gone already (another worker moved it)
-- uses: lib_form lib_hook
if redis.call('XDEL', KEYS[4], ARGV[6]) == 0 then return 0 end
redis.call('XACK', KEYS[4], ARGV[5], ARGV[6])
redis.call('HSET', KEYS[3], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[2], ARGV[3], ARGV[1])
look_at(KEYS[1], KEYS[2], ARGV[4])
return 1
