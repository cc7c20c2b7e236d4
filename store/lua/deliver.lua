-- deliver.lua: persist several deliver_sm bodies at once: all of them, or none.
-- KEYS[1] deliveries stream
-- ARGV[1] received_ms  ARGV[2..] a body each
-- returns how many there were
local stream, received_ms = KEYS[1], ARGV[1]
for i = 2, #ARGV do
  redis.call('XADD', stream, '*', 'p', ARGV[i], 't', received_ms)
end
return #ARGV - 1
