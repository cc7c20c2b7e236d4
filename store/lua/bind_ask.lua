-- bind_ask.lua: may a login be tried now? Then it is reserved as a failed one, before anything connects. Fenced.
-- A login in the future, after the server's clock was set back, counts as the latest that there can be.
-- KEYS[1] fence string  KEYS[2] bind hash
-- ARGV[1] token  ARGV[2] now_ms  ARGV[3] field of the login  ARGV[4] bind mode
-- ARGV[5] slack_ms: how much later the gateway may count it  ARGV[6] most logins  ARGV[7] within window_ms
-- ARGV[8] wait_ms after 0x05  ARGV[9] epoch: a new name for a hash that has none, as after a flush
-- returns 'FENCED' | {'paused'} | {'stopped', the stop} | {'wait', ms, 'logins' or 'already-bound'} | {'allowed'}
-- uses: lib_form lib_time
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'FENCED' end
local now, slack, window = server_ms(ARGV[2]), tonumber(ARGV[5]), tonumber(ARGV[7])
redis.call('HSETNX', KEYS[2], 'epoch', ARGV[9])
local counted, newest, ghost_until = {}, 0, 0
local fields = redis.call('HGETALL', KEYS[2])
for at = 1, #fields, 2 do
  if string.sub(fields[at], 1, 6) == 'login:' then
    local ms, mode, status = string.match(fields[at + 1], '^(%d+),(%w*),(.*)$')
    ms = tonumber(ms)
    if ms > now + slack then
      ms = now + slack
      redis.call('HSET', KEYS[2], fields[at], string.format('%d,%s,%s', ms, mode, status))
    end
    if ms + window <= now then
      redis.call('HDEL', KEYS[2], fields[at])
    else
      counted[#counted + 1] = ms
      if ms >= newest then
        newest = ms
        ghost_until = status == '5' and ms + tonumber(ARGV[8]) or 0 -- ESME_RALYNBD
      end
    end
  end
end
if redis.call('HEXISTS', KEYS[2], 'pause') == 1 then return { 'paused' } end
local stop = redis.call('HGET', KEYS[2], 'stop')
if stop then return { 'stopped', stop } end
local most = tonumber(ARGV[6])
if #counted >= most then
  table.sort(counted)
  return { 'wait', counted[#counted - most + 1] + window - now, 'logins' }
end
if ghost_until > now then return { 'wait', ghost_until - now, 'already-bound' } end
redis.call('HSET', KEYS[2], ARGV[3], string.format('%d,%s,', now + slack, ARGV[4]))
return { 'allowed' }
