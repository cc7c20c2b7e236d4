-- bind_read.lua: the ledger as it is, with the clock that its times were taken from. Writes nothing.
-- KEYS[1] bind hash
-- ARGV[1] now_ms
-- returns {now_ms, the hash as a flat list}
-- uses: lib_time
return { server_ms(ARGV[1]), redis.call('HGETALL', KEYS[1]) }
