-- match.lua: receipts whose message id nobody knew belong to the only segment in doubt to their destination: it was
-- accepted under that id. To be called for what ripe_doubts.lua named, when no other segment to that destination is
-- on its way.
-- KEYS[1] doubts hash  KEYS[2] doubted sorted set  KEYS[3] status stream  KEYS[4] waiting hash
-- KEYS[5] delayed sorted set  KEYS[6] held sorted set  KEYS[7] orphans sorted set
-- KEYS[8] outbox stream  KEYS[9] book of the day, hash  KEYS[10] credits hash  KEYS[11] tally hash
-- KEYS[12] parked sorted set
-- then four for each receipt: job hash, content string, index hash of today, orphan list
-- ARGV[1] now_ms (0: the server's clock)  ARGV[2] text ttl in seconds  ARGV[3] index ttl in seconds
-- ARGV[4] book ttl in seconds
-- then for each receipt: destination, ref, number, message_id
-- returns a word for each: accepted | duplicate (accepted before under another message id) | busy (the segment is
--   being sent again: nothing done) | gone (answered meanwhile, or not the only one any more: nothing done)
-- uses: lib_form lib_time lib_tally lib_job lib_credit lib_doubt lib_accept
local now = server_ms(ARGV[1])
local at = {
  doubts = KEYS[1], doubted = KEYS[2], waiting = KEYS[4], delayed = KEYS[5], held = KEYS[6], orphans = KEYS[7],
  parked = KEYS[12], index_ttl = ARGV[3], any_orphans = true, book = KEYS[9],
}

-- Whether this receipt still can be no other segment's.
local function is_only(traces, ref, message_id)
  local of, receipts = pair_of(traces)
  if of ~= ref then return false end
  for _, receipt in ipairs(receipts) do
    if receipt.id == message_id then return true end
  end
  return false
end

-- The receipt's trace becomes that of a matched message id.
local function put_matched(to, traces, message_id)
  for _, trace in ipairs(traces) do
    if trace.kind == 'R' and trace.id == message_id then trace.kind = 'K' end
  end
  put_traces(KEYS[1], KEYS[2], to, unresolved(traces), now)
end

-- The job is gone: what was in doubt of it is forgotten.
local function forget(to, traces)
  local rest = {}
  for _, trace in ipairs(traces) do
    if trace.kind ~= 'L' and trace.kind ~= 'K' then rest[#rest + 1] = trace end
  end
  put_traces(KEYS[1], KEYS[2], to, rest, now)
end

local results = {}
local k = 13
for a = 5, #ARGV, 4 do
  local to, ref, message_id = ARGV[a], ARGV[a + 1], ARGV[a + 3]
  local traces = unpack_traces(redis.call('HGET', KEYS[1], to))
  local result = 'gone'
  if is_only(traces, ref, message_id) then
    if redis.call('EXISTS', KEYS[k + 3]) == 0 then
      drop_trace(KEYS[1], KEYS[2], to, 'R', message_id, now) -- expired, or joined under another destination
    else
      local job = load_job(KEYS[k], ref, ARGV[a + 2])
      if not job then
        forget(to, traces)
      elseif job.segment.state == 'S' then
        result = 'busy'
      else
        put_matched(to, traces, message_id)
        result = accept(job, now, 'M', message_id, KEYS[k + 2], KEYS[k + 3], at)
        save_job(job, now, KEYS[k + 1], KEYS[3], KEYS[8], ARGV[2])
      end
    end
  end
  results[#results + 1] = result
  k = k + 4
end
keep_book(KEYS[10], ARGV[4])
write_tallies(KEYS[11])
return results
