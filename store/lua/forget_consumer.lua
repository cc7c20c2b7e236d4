-- forget_consumer.lua: remove a consumer of a group unless it still has entries to apply: those must stay claimable.
-- KEYS[1] stream   ARGV[1] group  ARGV[2] consumer
-- returns 1 removed, 0 it has pending entries
if #redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', 1, ARGV[2]) > 0 then return 0 end
redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2])
return 1
