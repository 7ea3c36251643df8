"""The protocol's steps as scripts of Redis, each atomic for all keys that it is given.

Keys do not depend on one another, so a cluster gets one call for each slot. Numbers are compared as
texts, since those of Lua are exact only up to 2^53.
"""

_VALID = b"""
local function valid(fence)
  return type(fence) == 'string' and #fence >= 20
    and string.match(string.sub(fence, 1, 20), '^%d+$')
    and (#fence == 20 or string.sub(fence, 21, 21) == '?')
end
"""

NEXT = b"+"
"""Stands in place of a transaction id where the key is that of the version."""

RAISE = (
    _VALID
    + b"""
local function count_up(key)
  if redis.call('EXISTS', key) == 1 then
    local counted = redis.pcall('INCR', key)
    if type(counted) == 'table' and counted.err then
      redis.call('DEL', key)
    end
  end
end
for place, key in ipairs(KEYS) do
  local fence = redis.pcall('GET', key)
  if ARGV[place] == '+' then
    count_up(key)
  elseif not valid(fence) then
    redis.call('DEL', key)
  elseif string.sub(fence, 1, 20) < ARGV[place] then
    local set = redis.pcall('SET', key, ARGV[place] .. string.sub(fence, 21), 'KEEPTTL')
    if type(set) == 'table' and set.err then
      redis.call('DEL', key)
    end
  end
end
return #KEYS
"""
)
"""ARGV: for each key a transaction id, or NEXT for the version, which is counted up. Raises fences
that exist. Drops what is no fence, and what cannot be raised because Redis is full: a missing fence
is always safe."""

ENSURE = (
    _VALID
    + b"""
local fences = {}
for place, key in ipairs(KEYS) do
  local fence = redis.pcall('GET', key)
  if not valid(fence) then
    fence = ARGV[1]
    redis.call('SET', key, fence, 'PX', ARGV[2])
  elseif redis.call('PTTL', key) < ARGV[2] / 2 then
    redis.call('PEXPIRE', key, ARGV[2])
  end
  fences[place] = fence
end
return fences
"""
)
"""ARGV: an open fence, its lifetime in ms. Sets it where there is no fence; returns all fences.

A fence that exists gets its full lifetime back when less than half is left."""

MAKE_WHOLE = (
    _VALID
    + b"""
local fences = {}
for place, key in ipairs(KEYS) do
  local fence = redis.pcall('GET', key)
  if valid(fence) and string.sub(fence, 21) == string.sub(ARGV[place], 21) then
    fence = string.sub(fence, 1, 20)
    if fence < ARGV[#KEYS + 1] then
      fence = ARGV[#KEYS + 1]
    end
    redis.call('SET', key, fence, 'KEEPTTL')
  end
  fences[place] = valid(fence) and fence or ''
end
return fences
"""
)
"""ARGV: for each key the open fence as it was seen, then a transaction id drawn after that."""

_MAKE_VERSION = b"""
if KEYS[2] then
  redis.pcall('SET', KEYS[2], ARGV[2], 'NX', 'PX', ARGV[3])
end
"""

RENEW = (
    _MAKE_VERSION
    + b"""
local lease = redis.pcall('GET', KEYS[1])
if type(lease) == 'string' and #lease == 20 then
  return redis.call('PEXPIREAT', KEYS[1], ARGV[1])
end
return 0
"""
)
"""KEYS: the lease, and the version where there may be one. ARGV: when the lease ends; number and
lifetime of a version, made if there is none. Prolongs a whole lease that still exists; returns 0 if
there is none."""

GRANT = (
    _MAKE_VERSION
    + b"""
local lease = redis.pcall('GET', KEYS[1])
local number = ARGV[4]
if type(lease) == 'string' and #lease == 20 and lease > number then
  number = lease
end
redis.call('SET', KEYS[1], number, 'PXAT', ARGV[1])
return 1
"""
)
"""As RENEW, with a transaction id as the last of ARGV. Sets a lease by which no older entry is
valid."""
