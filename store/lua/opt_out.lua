-- opt_out.lua: numbers want no more messages; also kept among the recent ones, which begin.lua looks at.
-- KEYS[1] opted-out count integer  KEYS[2] recent sorted set; then one for each number: its bucket hash
-- ARGV[1] now_ms (0: the server's clock)  ARGV[2] for how many ms a segment may be on its way: so long it is recent
-- then four for each number: field (`number`, of every sender, or `number|sender`), value (`ms why`; ms 0: now),
--   member of the recent ones by which the number is found (`number`, or `number|` when it is of one sender),
--   and 1 when an older entry stays as it is
-- returns an integer for each: 1 new, 0 opted out before
-- uses: lib_form lib_time lib_wish
local now = server_ms(ARGV[1])
local results = {}
local k = 3
for a = 3, #ARGV, 4 do
  results[#results + 1] =
    opt_out_one(KEYS[1], KEYS[2], KEYS[k], ARGV[a], ARGV[a + 1], ARGV[a + 2], ARGV[a + 3] == '1', now)
  k = k + 1
end
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', string.format('%d', now - ARGV[2]))
return results
