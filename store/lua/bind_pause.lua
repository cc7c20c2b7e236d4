-- bind_pause.lua: an operator wants no bind until bind resume.
-- KEYS[1] bind hash
-- ARGV[1] now_ms
-- returns 1 paused now | 0 it was paused before, and since then
-- uses: lib_time
return redis.call('HSETNX', KEYS[1], 'pause', string.format('%d', server_ms(ARGV[1])))
