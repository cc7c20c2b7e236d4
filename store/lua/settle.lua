-- settle.lua: persist answers to submit_sm as raw facts and take the segments out of flight. Not fenced: an
-- answer is a fact about the outside world, whoever heard it.
-- KEYS[1] inflight hash  KEYS[2] responses stream  KEYS[3..5] outbound streams high normal bulk
-- ARGV for each answer: ref, attempt, command_status (decimal), message_id
-- returns the number of segments that were taken out of flight; an answer of another attempt than the one in
--   flight is persisted, and changes nothing else
-- uses: lib_form lib_outbound
local refs = {}
for a = 1, #ARGV, 4 do refs[#refs + 1] = ARGV[a] end
local intents = redis.call('HMGET', KEYS[1], unpack(refs))
local settled, entries = {}, { {}, {}, {} }
for i = 1, #refs do
  local a = (i - 1) * 4
  local ref, attempt, code = ARGV[a + 1], ARGV[a + 2], ARGV[a + 3]
  local body
  local of, lane, entry
  if intents[i] then of, lane, entry = string.match(intents[i], '^(%d+),([123]),([^,]+),') end
  if of == attempt then
    lane = tonumber(lane)
    if code ~= '0' then body = body_of(KEYS[2 + lane], entry) end
    settled[#settled + 1] = ref
    table.insert(entries[lane], entry)
  end
  local said = attempt .. ',' .. code .. ',' .. ARGV[a + 4]
  if body then
    redis.call('XADD', KEYS[2], '*', 'r', ref, 'a', said, 'b', body)
  else
    redis.call('XADD', KEYS[2], '*', 'r', ref, 'a', said)
  end
end
local taken = 0
if #settled > 0 then taken = redis.call('HDEL', KEYS[1], unpack(settled)) end
for lane = 1, 3 do
  if #entries[lane] > 0 then redis.call('XDEL', KEYS[2 + lane], unpack(entries[lane])) end
end
return taken
