-- intake_later.lua: store what was asked, once; publish_kept.lua publishes it when it is due.
-- KEYS[1] job        hash        of the id that the message will carry
-- KEYS[2] content    string      its text and options
-- KEYS[3] scheduled  sorted set
-- KEYS[4] alias      hash        the job key of the idempotency key; the same as KEYS[1] when there is none
-- ARGV[1] job id   ARGV[2] the idempotency key, or the job id
-- ARGV[3] now_ms (0: the server's clock)   ARGV[4] lane letter   ARGV[5] destination
-- ARGV[6] content (JSON)   ARGV[7] ttl of the job in seconds, from when it is due
-- ARGV[8] due_ms   ARGV[9] how it is to be published then (JSON), may be empty
-- ARGV[10] fingerprint of what was asked; only with an idempotency key
-- returns as intake.lua does
-- uses: lib_time lib_intake
local now, due = server_ms(ARGV[3]), tonumber(ARGV[8])
local ttl = tonumber(ARGV[7]) + math.max(0, math.ceil((due - now) / 1000))
local first, other = take_in(
  KEYS[1], KEYS[2], KEYS[3], KEYS[4], ARGV[1], ARGV[2], now, ARGV[4], ARGV[5], ARGV[6], ttl, ARGV[10], ARGV[8]
)
if other then return { -1, first, other } end
if first then return { 0, first } end
redis.call('HSET', KEYS[1], 'a', ARGV[8])
if ARGV[9] ~= '' then redis.call('HSET', KEYS[1], 'o', ARGV[9]) end
return { 1, ARGV[1] }
