-- credit_top_up.lua: credits were bought, or taken from the account, since its balance was entered.
-- KEYS[1] credits hash
-- ARGV[1] now_ms (0: the server's clock)  ARGV[2] thirds of a credit, may be negative
-- returns {b, t, a} as credit_balance.lua, or {} when no balance is known: then nothing is written
-- uses: lib_time
local v = redis.call('HMGET', KEYS[1], 'b', 't')
if not v[1] then return {} end
local at = string.format('%d', server_ms(ARGV[1]))
redis.call('HINCRBY', KEYS[1], 'b', ARGV[2])
redis.call('HSET', KEYS[1], 'a', at)
return { redis.call('HGET', KEYS[1], 'b'), v[2] or '0', at }
