-- credit_balance.lua: the operator has read the balance at the gateway. From now on it is counted down by what is charged.
-- KEYS[1] credits hash
-- ARGV[1] now_ms (0: the server's clock)  ARGV[2] thirds of a credit
-- returns {b, t, a}: the balance is b less t; when it was entered (ms)
-- uses: lib_time
local charged = redis.call('HGET', KEYS[1], 't') or '0'
local with_charges = string.format('%d', tonumber(charged) + tonumber(ARGV[2]))
local at = string.format('%d', server_ms(ARGV[1]))
redis.call('HSET', KEYS[1], 'b', with_charges, 'a', at)
return { with_charges, charged, at }
