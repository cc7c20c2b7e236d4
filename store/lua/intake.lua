-- intake.lua: store what was asked, once, before anything is published.
-- KEYS[1] job      hash        of the id that the message will carry
-- KEYS[2] content  string      its text and options
-- KEYS[3] intake   sorted set  of the lane
-- KEYS[4] alias    hash        the job key of the idempotency key; the same as KEYS[1] when there is none
-- ARGV[1] job id   ARGV[2] the idempotency key, or the job id
-- ARGV[3] now_ms (0: the server's clock)   ARGV[4] lane letter   ARGV[5] destination
-- ARGV[6] content (JSON)   ARGV[7] ttl of the job in seconds
-- ARGV[8] fingerprint of what was asked; only with an idempotency key
-- returns {1, id}: taken in under id, publish it | {0, id}: this id or key is known, the job is `id` |
--   {-1, id, fingerprint}: the key is that of the job `id`, which was asked with another content: nothing was written
-- uses: lib_time lib_intake
local first, other = take_in(
  KEYS[1], KEYS[2], KEYS[3], KEYS[4], ARGV[1], ARGV[2], server_ms(ARGV[3]), ARGV[4], ARGV[5], ARGV[6], ARGV[7], ARGV[8]
)
if other then return { -1, first, other } end
if first then return { 0, first } end
return { 1, ARGV[1] }
