-- count.lua: count something for a while.
-- KEYS[1] counter string  ARGV[1] ttl in seconds, counted from the last time
-- returns the new count
local count = redis.call('INCR', KEYS[1])
redis.call('EXPIRE', KEYS[1], ARGV[1])
return count
