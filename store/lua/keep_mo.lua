-- keep_mo.lua: put a message from a handset that is one deliver_sm into the stream `mo`, once.
-- KEYS[1] deliveries stream  KEYS[2] mo stream  KEYS[3] routing sorted set  KEYS[4] seen string of this very deliver_sm
-- KEYS[5] opted-out count integer  KEYS[6] recent sorted set of opted-out numbers  KEYS[7] bucket hash of the number; only
--   with a wish
-- ARGV[1] entry id  ARGV[2] most entries of `mo`  ARGV[3] now_ms (0: the server's clock)
-- ARGV[4] the message as JSON, without its last brace  ARGV[5] targets, a line each ('' = the stream only)
-- ARGV[6] for how many seconds the same octets again are called a duplicate
-- ARGV[7] what its sender wishes of the opt-out list (lib_wish.lua), '' for nothing: then the message says nothing of it
-- returns the id in `mo`, '' when another relay has kept it
-- uses: lib_form lib_time lib_mo lib_wish
if redis.call('XDEL', KEYS[1], ARGV[1]) == 0 then return '' end
local duplicate = redis.call('EXISTS', KEYS[4]) == 1
redis.call('SET', KEYS[4], '1', 'EX', ARGV[6])
local now = server_ms(ARGV[3])
local said, target = grant(ARGV[7], KEYS[5], KEYS[6], KEYS[7], now)
return put_mo(KEYS[2], KEYS[3], ARGV[2], now, ARGV[4] .. said, ARGV[5] .. '\n' .. target, duplicate)
