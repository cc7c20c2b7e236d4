-- claim.lua: move messages from the broker's queues into kombu's `unacked` structures, so that none is ever in
-- neither. For tasks/transport.py; the keys are kombu's.
-- KEYS[1] unacked hash  KEYS[2] unacked index sorted set  KEYS[3..] queue lists, in the order of serving
-- ARGV[1] most messages  ARGV[2] now in seconds: the score of the index, from which visibility_timeout counts
-- ARGV[3..] two for each list: the queue's name, where a message goes back to when nobody acknowledges it, and how
--   many messages of that queue (all its lists together) may be claimed
-- returns a flat list, three for each message: queue, delivery tag, message text
local most = tonumber(ARGV[1])
local claimed, unacked, index, room = {}, {}, {}, {}
for k = 3, #KEYS do
  local queue = ARGV[2 * k - 3]
  room[queue] = room[queue] or tonumber(ARGV[2 * k - 2])
  local left = math.min(most - #claimed / 3, room[queue])
  local texts = left > 0 and redis.call('RPOP', KEYS[k], left) or {}
  room[queue] = room[queue] - #texts
  for _, text in ipairs(texts) do
    -- Kombu writes the tag last; what looks like one inside a header's string has its quotes escaped. Without the ^
    -- a text that has no tag would be searched from each of its places: 200 KB of it would hold the server for minutes.
    local tag = string.match(text, '^.*"delivery_tag":%s*"([^"]+)"') or redis.sha1hex(text)
    claimed[#claimed + 1] = queue
    claimed[#claimed + 1] = tag
    claimed[#claimed + 1] = text
    index[#index + 1] = ARGV[2]
    index[#index + 1] = tag
    unacked[#unacked + 1] = tag
    -- [message, exchange, routing key]: the anonymous exchange puts it back into the queue of that name
    unacked[#unacked + 1] = '[' .. text .. ', "", ' .. cjson.encode(queue) .. ']'
  end
end
if #claimed > 0 then
  redis.call('ZADD', KEYS[2], unpack(index))
  redis.call('HSET', KEYS[1], unpack(unacked))
end
return claimed
