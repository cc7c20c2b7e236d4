-- give_up_orphans.lua: more receipts wait for their responses than may: the oldest go to the capped stream `strays`.
-- KEYS[1] orphans sorted set  KEYS[2] strays stream  then the orphan list of each message id
-- ARGV[1] how many may stay  ARGV[2] most entries of `strays`  then the message ids, oldest first
-- returns how many were given up; none that another relay has given up, or a response has joined, meanwhile
-- uses: lib_form
local given_up = 0
local excess = redis.call('ZCARD', KEYS[1]) - tonumber(ARGV[1])
for i = 3, #KEYS do
  if given_up >= excess then break end
  local id = ARGV[i]
  local came = redis.call('ZSCORE', KEYS[1], id)
  if came then
    local entry = { 'i', id, 't', string.format('%d', tonumber(came)) }
    for _, said in ipairs(redis.call('LRANGE', KEYS[i], 0, -1)) do
      entry[#entry + 1] = 'd'
      entry[#entry + 1] = said
    end
    redis.call('ZREM', KEYS[1], id)
    redis.call('DEL', KEYS[i])
    redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[2], '*', unpack(entry))
    given_up = given_up + 1
  end
end
return given_up
