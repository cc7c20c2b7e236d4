-- forward.lua: move one entry of a stream of facts to another stream (dead letters).
-- KEYS[1] source stream  KEYS[2] target stream
-- ARGV[1] entry id  ARGV[2] most entries of the target  ARGV[3..] field, value ...
-- returns 1 moved, 0 the entry is gone already (another worker moved it)
-- uses: lib_form
if redis.call('XDEL', KEYS[1], ARGV[1]) == 0 then return 0 end
redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[2], '*', unpack(ARGV, 3))
return 1
