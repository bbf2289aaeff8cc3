-- What the programs of this folder share that are run as processes of their own. Neither luv nor ours is loaded here:
-- some of the programs make an object before that.
local program = {}

-- Handshakes on threads, as spec.helper has them, also where the library is loaded later.
local THREADS, DEFAULTS = tonumber(os.getenv "TLS_HANDSHAKE_THREADS"), "tls.options.defaults"

local function with_threads(defaults)
  defaults.handshake_threads = THREADS
  return defaults
end

if THREADS and package.loaded[DEFAULTS] then
  with_threads(package.loaded[DEFAULTS])
elseif THREADS then
  package.preload[DEFAULTS] = function()
    package.preload[DEFAULTS], package.loaded[DEFAULTS] = nil, nil
    return with_threads(require(DEFAULTS))
  end
end

--- The text of a certificate's or key's file in the folder TLS_CERTS.
function program.read(name)
  local file = assert(io.open(os.getenv "TLS_CERTS" .. "/" .. name))
  local text = file:read "*a"
  file:close()
  return text
end

--- An object that calls 'fn' when it is finalized. Lua 5.1 finalizes no tables, but what newproxy makes.
function program.finalized(fn)
  local newproxy = rawget(_G, "newproxy")
  if not newproxy then return setmetatable({}, { __gc = fn }) end
  local object = newproxy(true)
  getmetatable(object).__gc = fn
  return object
end

return program
