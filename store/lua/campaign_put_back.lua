-- campaign_put_back.lua: whoever works at a chunk leaves it: it is given out again when it is due.
-- KEYS[1] chunks sorted set
-- ARGV[1] `campaign.chunk`  ARGV[2] now_ms (0: the server's clock)  ARGV[3] ms until it is due
-- returns 1 done, 0 it is not in play any more
-- uses: lib_time
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) then return 0 end
redis.call('ZADD', KEYS[1], string.format('%d', server_ms(ARGV[2]) + tonumber(ARGV[3])), ARGV[1])
return 1
