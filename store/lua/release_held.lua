-- release_held.lua: end the hold of segments whose outcome is unknown: by their timer, or as an operator decides.
-- KEYS[1] waiting hash  KEYS[2] held sorted set  KEYS[3] status stream  KEYS[4..6] outbound streams high normal bulk
-- KEYS[7] outbox stream  KEYS[8] tally hash
-- then two for each segment: job hash, content string
-- ARGV[1] now_ms (0: the server's clock)  ARGV[2] text ttl in seconds
-- then for each segment: ref, number, decision (timer | resend | fail)
-- returns a word for each segment: queued | failed | early (the timer is not over) | gone (not held any more)
-- uses: lib_form lib_time lib_tally lib_job lib_outbound
local now = server_ms(ARGV[1])
local results = {}
local k = 9
for a = 3, #ARGV, 3 do
  local ref, decision = ARGV[a], ARGV[a + 2]
  local due = redis.call('ZSCORE', KEYS[2], ref)
  local result
  if not due then
    result = 'gone'
  elseif decision == 'timer' and tonumber(due) > now then
    result = 'early'
  else
    local job = load_job(KEYS[k], ref, ARGV[a + 1])
    local body = redis.call('HGET', KEYS[1], ref)
    redis.call('ZREM', KEYS[2], ref)
    redis.call('HDEL', KEYS[1], ref)
    if not job or job.segment.state ~= 'H' then
      result = 'gone'
    else
      local _, limit = policy_of(job)
      details(job.segment)
      local again = decision == 'resend' or (decision == 'timer' and job.segment.ambiguous <= limit)
      if again and body and body ~= '' and not (job.deadline and now >= job.deadline) then
        redis.call('XADD', stream_of(job, { KEYS[4], KEYS[5], KEYS[6] }), '*', 'r', ref, 'b', body)
        job.segment.state = 'Q'
        note(job, now, decision == 'timer' and 'T' or 'O')
        result = 'queued'
      else
        job.segment.state = 'F'
        note(job, now, decision == 'fail' and 'G' or 'F')
        result = 'failed'
      end
      save_job(job, now, KEYS[k + 1], KEYS[3], KEYS[7], ARGV[2])
    end
  end
  results[#results + 1] = result
  k = k + 2
end
write_tallies(KEYS[8])
return results
