-- intake_publish.lua: store what was asked, once, and publish it: for a broker on the same server, so that there
-- is no moment between the two.
-- KEYS[1] job      hash        of the id that the message will carry
-- KEYS[2] content  string      its text and options
-- KEYS[3] intake   sorted set  of the lane
-- KEYS[4] alias    hash        the job key of the idempotency key; the same as KEYS[1] when there is none
-- KEYS[5] queue    list        of the broker (its own key: written as the broker's client would)
-- KEYS[6] bell     list        of that queue: rung when the queue was empty, with one element at most, so that an
--   idle worker looks at once
-- ARGV[1] job id   ARGV[2] the idempotency key, or the job id
-- ARGV[3] now_ms (0: the server's clock)   ARGV[4] lane letter   ARGV[5] destination
-- ARGV[6] content (JSON)   ARGV[7] ttl of the job in seconds
-- ARGV[8] message, as the broker's client made it
-- ARGV[9] fingerprint of what was asked; only with an idempotency key
-- returns {1, id}: taken in under id and published | {0, id}: this id or key is known, the job is `id` |
--   {-1, id, fingerprint}: the key is that of the job `id`, which was asked with another content: nothing was written
-- uses: lib_time lib_intake
local first, other = take_in(
  KEYS[1], KEYS[2], KEYS[3], KEYS[4], ARGV[1], ARGV[2], server_ms(ARGV[3]), ARGV[4], ARGV[5], ARGV[6], ARGV[7], ARGV[9]
)
if other then return { -1, first, other } end
if first then return { 0, first } end
-- who empties a queue waits on its bell afterwards: further messages need not ring it again
if redis.call('LPUSH', KEYS[5], ARGV[8]) == 1 and redis.call('LLEN', KEYS[6]) == 0 then
  redis.call('LPUSH', KEYS[6], '1')
end
return { 1, ARGV[1] }
