-- due.lua: what of a queue is due, by the server's clock alone: scheduled jobs, segments that are delayed or held, messages
-- whose parts are missing. Reads only.
-- KEYS[1] sorted set: member -> when it is due (ms)
-- ARGV[1] now_ms (0: the server's clock)  ARGV[2] most members
-- returns members, those that are due longest first
-- uses: lib_form lib_time
local now = string.format('%d', server_ms(ARGV[1]))
return redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, ARGV[2])
