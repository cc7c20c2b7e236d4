-- match.lua: receipts whose message id nobody knew belong to the only segment in doubt to their destination: it was
-- accepted under that id. To be called for what ripe_doubts.lua named, when no other segment to that destination is
-- on its way.
-- KEYS[1] doubts hash  KEYS[2] doubted sorted set  KEYS[3] status stream  KEYS[4] waiting hash
-- KEYS[5] delayed sorted set  KEYS[6] held sorted set  KEYS[7] orphans sorted set
-- then four for each receipt: job hash, content string, index hash of today, orphan list
-- ARGV[1] now_ms (0: the server's clock)  ARGV[2] text ttl in seconds  ARGV[3] index ttl in seconds
-- then for each receipt: destination, ref, number, message_id
-- returns a word for each: accepted | duplicate (accepted before under another message id) | busy (the segment is
--   being sent again: nothing done) | gone (answered meanwhile, or not the only one any more: nothing done)
-- uses: lib_time lib_job lib_doubt lib_accept
local now = server_ms(ARGV[1])
local at = {
  doubts = KEYS[1], doubted = KEYS[2], waiting = KEYS[4], delayed = KEYS[5], held = KEYS[6], orphans = KEYS[7],
  index_ttl = ARGV[3], any_orphans = true,
}

-- The lost attempt that this receipt may speak of: nil when it is not the only one, or the receipt is not there.
local function lost_attempt(to, ref, message_id)
  local of, first, receipts = pair_of(unpack_traces(redis.call('HGET', KEYS[1], to)))
  if of ~= ref then return nil end
  for _, receipt in ipairs(receipts) do
    if receipt.id == message_id then return first.id end
  end
end

local results = {}
local k = 8
for a = 4, #ARGV, 4 do
  local to, ref, message_id = ARGV[a], ARGV[a + 1], ARGV[a + 3]
  local attempt = lost_attempt(to, ref, message_id)
  local result = 'gone'
  if attempt and redis.call('EXISTS', KEYS[k + 3]) == 0 then
    drop_trace(KEYS[1], KEYS[2], to, 'R', message_id, now) -- expired, or joined under another destination
  elseif attempt then
    local job = load_job(KEYS[k], ref, ARGV[a + 2])
    if not job then
      drop_trace(KEYS[1], KEYS[2], to, 'L', attempt, now)
    elseif job.segment.state == 'S' then
      result = 'busy'
    else
      drop_trace(KEYS[1], KEYS[2], to, 'L', attempt, now)
      result = accept(job, now, 'M', message_id, KEYS[k + 2], KEYS[k + 3], at)
      save_job(job, now, KEYS[k + 1], KEYS[3], ARGV[2])
    end
  end
  results[#results + 1] = result
  k = k + 4
end
return results
