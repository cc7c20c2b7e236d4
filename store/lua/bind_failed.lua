-- bind_failed.lua: a login has failed. A fact, so it is taken from any binder, and from a hash that was flushed.
-- KEYS[1] bind hash
-- ARGV[1] now_ms  ARGV[2] field of the login  ARGV[3] bind mode  ARGV[4] command_status, or - without an answer
-- ARGV[5] the stop: why no further login is tried, or ''  ARGV[6] epoch, as for bind_ask
-- returns the id of the last retry, '' for none: an operator's later one lifts the stop
-- uses: lib_time
local now = server_ms(ARGV[1])
redis.call('HSETNX', KEYS[1], 'epoch', ARGV[6])
redis.call('HSET', KEYS[1], ARGV[2], string.format('%d,%s,%s', now, ARGV[3], ARGV[4]))
if ARGV[5] ~= '' then redis.call('HSET', KEYS[1], 'stop', ARGV[5]) end
return redis.call('HGET', KEYS[1], 'retry') or ''
