-- bind_retry.lua: an operator allows the next login after a stop; how many fit into the window stays as it is.
-- KEYS[1] bind hash
-- ARGV[1] id of this retry: it lifts the stops that binders have in their files as well
-- returns 1 a stop is lifted | 0 there is none
redis.call('HSET', KEYS[1], 'retry', ARGV[1])
return redis.call('HDEL', KEYS[1], 'stop')
