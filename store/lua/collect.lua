-- collect.lua: put one part of a message from a handset to the others; any order, any repetition.
-- KEYS[1] deliveries stream  KEYS[2] parts hash of the message  KEYS[3] collecting sorted set
-- ARGV[1] entry id  ARGV[2] now_ms (0: the server's clock)  ARGV[3] ttl in ms: what is not
--   complete by then is delivered as it is  ARGV[4] name of the message in the sorted set  ARGV[5] number of the part
-- ARGV[6] number of parts  ARGV[7] digest of the part  ARGV[8] the part  ARGV[9] what is known of the message
-- returns {word, field, value ...}: kept (others are missing) | repeated (the same part waits already) | gone (another
--   relay handled it) | complete (nothing done: keep_parts is to be called) | clash (another part has this number, of
--   an older message with the same reference: nothing done, that one is to be kept first); the parts hash follows the
--   last two
-- uses: lib_form lib_time
-- Fields of the hash:  g entry id of the first part, a name of this collection  m what is known of the message
--   1..n `entry id,digest,part`  d1..dn digests of what was delivered last, so that a repetition is known
if #redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1]) == 0 then return { 'gone' } end
local function with_parts(word)
  local reply = redis.call('HGETALL', KEYS[2])
  table.insert(reply, 1, word)
  return reply
end
local function handled(word)
  redis.call('XDEL', KEYS[1], ARGV[1])
  return { word }
end
local present = redis.call('HGET', KEYS[2], ARGV[5])
if present then
  local entry, digest = string.match(present, '^([^,]*),([^,]*),')
  if digest ~= ARGV[7] then return with_parts('clash') end
  if entry ~= ARGV[1] then return handled('repeated') end
else
  if redis.call('HSETNX', KEYS[2], 'g', ARGV[1]) == 1 then
    redis.call('HSET', KEYS[2], 'm', ARGV[9])
    redis.call('PERSIST', KEYS[2]) -- what is not delivered must not expire
    redis.call('ZADD', KEYS[3], string.format('%d', server_ms(ARGV[2]) + ARGV[3]), ARGV[4])
  end
  redis.call('HSET', KEYS[2], ARGV[5], ARGV[1] .. ',' .. ARGV[7] .. ',' .. ARGV[8])
end
for number = 1, tonumber(ARGV[6]) do
  if redis.call('HEXISTS', KEYS[2], number) == 0 then return handled('kept') end
end
return with_parts('complete')
