-- due.lua: scheduled jobs whose time has come, by the server's clock alone. Reads only.
-- KEYS[1] scheduled sorted set
-- ARGV[1] now_ms (0: the server's clock)  ARGV[2] most jobs
-- returns job ids, those that are due longest first
-- uses: lib_time
local now = string.format('%d', server_ms(ARGV[1]))
return redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, ARGV[2])
