-- lost.lua: the link went down, or no answer came in time, in the binder that holds the fence. Fenced.
-- KEYS[1] fence string  KEYS[2] inflight hash  KEYS[3] status stream  KEYS[4..6] outbound streams high normal bulk
-- KEYS[7] waiting hash  KEYS[8] held sorted set  KEYS[9] doubts hash  KEYS[10] doubted sorted set
-- KEYS[11] outbox stream  KEYS[12] tally hash
-- then two for each segment: job hash, content string
-- ARGV[1] token  ARGV[2] now_ms (0: the server's clock)  ARGV[3] text ttl in seconds  ARGV[4] hold in ms
-- then for each segment: ref, number, attempt ('' = whichever is in flight), written (1 some octet may have
--   left us, 0 certainly none)
-- returns 'FENCED' | a letter for each segment: Q queued again, H held, F failed unknown,
--   '-' not in flight under this attempt (nothing done)
-- uses: lib_form lib_time lib_tally lib_job lib_doubt lib_outbound
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'FENCED' end
local now = server_ms(ARGV[2])
local results = {}
local k = 13
for a = 5, #ARGV, 4 do
  local ref = ARGV[a]
  local intent = redis.call('HGET', KEYS[2], ref)
  local attempt, lane, entry
  if intent then attempt, lane, entry = string.match(intent, '^(%d+),([123]),([^,]+),') end
  if intent and not entry then -- not of our form: nobody's
    redis.call('HDEL', KEYS[2], ref)
    results[#results + 1] = '-'
  elseif not intent or (ARGV[a + 2] ~= '' and ARGV[a + 2] ~= attempt) then
    results[#results + 1] = '-'
  else
    local stream = KEYS[3 + tonumber(lane)]
    local job = load_job(KEYS[k], ref, ARGV[a + 1])
    redis.call('HDEL', KEYS[2], ref)
    if job and ARGV[a + 3] ~= '0' then doubt(job, attempt, now, KEYS[9], KEYS[10]) end
    if not job or job.segment.state ~= 'S' then
      -- settled in the meantime by a late acceptance of an earlier attempt, or gone
      drop_entry(stream, entry)
      results[#results + 1] = '-'
    else
      if ARGV[a + 3] == '0' then
        job.segment.state = 'Q'
        note(job, now, 'Q')
      else
        ambiguous(job, now, stream, entry, KEYS[7], KEYS[8], tonumber(ARGV[4]))
      end
      save_job(job, now, KEYS[k + 1], KEYS[3], KEYS[11], ARGV[3])
      results[#results + 1] = job.segment.state
    end
  end
  k = k + 2
end
write_tallies(KEYS[12])
return results
