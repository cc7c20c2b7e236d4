-- apply_query.lua: join answers to query_sm to their segments, as receipts are: the status only rises.
-- KEYS[1] answers stream  KEYS[2] status stream  KEYS[3] outbox stream  KEYS[4] book of the day, hash
-- KEYS[5] credits hash  KEYS[6] tally hash
-- then three for each answer: job hash, content string, list of replies (any key when nobody waits)
-- ARGV[1] now_ms (0: the server's clock)  ARGV[2] text ttl in seconds  ARGV[3] ttl of replies in seconds
-- ARGV[4] book ttl in seconds
-- then for each answer: entry id, ref, number, status ('' = none was told), what was said (for the history; the same
--   is noted once), 1 when a command waits for the reply
-- returns a word for each answer: applied (the status rose) | unchanged | other (the segment is not accepted) |
--   unknown (the job is gone) | done (another worker has applied this answer)
-- uses: lib_form lib_time lib_tally lib_job lib_credit
local now = server_ms(ARGV[1])
local results = {}
local k = 7
for a = 5, #ARGV, 6 do
  local ref, number, status, said = ARGV[a + 1], ARGV[a + 2], ARGV[a + 3], ARGV[a + 4]
  local is_ours = redis.call('XDEL', KEYS[1], ARGV[a]) == 1
  local job = is_ours and load_job(KEYS[k], ref, number)
  local result
  if not is_ours then
    result = 'done'
  elseif not job then
    result = 'unknown'
  elseif job.segment.state ~= 'A' and job.segment.state ~= 'N' then
    result = 'other'
  else
    local entry = 'I' .. status .. said
    local mark = job.counts and '#' .. number or ''
    local fresh = not string.find(job.history, mark .. entry .. ';', 1, true)
    local before = job.segment.status
    result = join(job.segment, status) and 'applied' or 'unchanged'
    -- of several messages an answer does not say which it is about: '' is none of them
    enter_job(job, KEYS[4], 0, told_of_segment(job, before, '', status))
    if fresh then note(job, now, entry) end
    if fresh or result == 'applied' then save_job(job, now, KEYS[k + 1], KEYS[2], KEYS[3], ARGV[2]) end
  end
  if is_ours and ARGV[a + 5] == '1' then
    redis.call('RPUSH', KEYS[k + 2], number .. said)
    redis.call('EXPIRE', KEYS[k + 2], ARGV[3])
  end
  results[#results + 1] = result
  k = k + 3
end
keep_book(KEYS[5], ARGV[4])
write_tallies(KEYS[6])
return results
