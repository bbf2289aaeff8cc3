-- What the environment says: FLEET_REDIS=HOST:PORT and the like, see fleet.lua.
local setting = {}

--- @return string? text
function setting.text(name, default) return os.getenv("FLEET_" .. name) or default end

--- @param default number seconds
--- @return integer ms
function setting.ms(name, default) return math.floor(1000 * tonumber(setting.text(name, default))) end

local function file(name)
  local path = setting.text(name)
  return path and { file = path }
end

--- What co.connect takes to reach Redis; nil without one.
function setting.redis()
  local host, port = setting.text("REDIS", ""):match "^(.*):(%d+)$"
  if not host then return nil end
  return {
    host = host, port = tonumber(port), timeout = setting.ms("REDIS_TIMEOUT", 2), ca = file "REDIS_CA",
    cert = file "REDIS_CERT", key = file "REDIS_KEY",
  }
end

return setting
