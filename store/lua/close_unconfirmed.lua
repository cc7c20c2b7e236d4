-- close_unconfirmed.lua: end the wait of segments that are at 003 for long: no handset confirms them (semantics.md).
-- KEYS[1] status stream  KEYS[2] outbox stream  KEYS[3] tally hash, then two for each segment: job hash, content string
-- ARGV[1] now_ms (0: the server's clock)  ARGV[2] text ttl in seconds  ARGV[3] how long they must be at 003 (ms)
-- then for each segment: ref, number
-- returns how many were closed
-- uses: lib_form lib_time lib_tally lib_job
local now = server_ms(ARGV[1])
local closed = 0
local k = 4
for a = 4, #ARGV, 2 do
  -- most are final: they are left after one look
  local packed = redis.pcall('HGET', KEYS[k], ARGV[a + 1])
  local job = type(packed) == 'string' and string.find(packed, '^A%d*,3,') and load_job(KEYS[k], ARGV[a], ARGV[a + 1])
  if job then
    local mark = job.counts and '#' .. job.number or ''
    if noted_ms(job.history, mark, '[DI]3[ *;]', job.created) + tonumber(ARGV[3]) <= now then
      job.segment.state = 'N'
      note(job, now, 'J')
      save_job(job, now, KEYS[k + 1], KEYS[1], KEYS[2], ARGV[2])
      closed = closed + 1
    end
  end
  k = k + 2
end
write_tallies(KEYS[3])
return closed
