--- Internal. Responses in a folder, so that a server has one when it starts again. A file has the name of its
-- certificate's fingerprint, and is verified like anything else that was read.
-- @module tls.ocsp.response_files

local uv = require "luv"
local file = require "tls.support.file"

local response_files = {}

local MOST = 65535

-- A pipe of that name has no bytes, and nobody waits for it. Where there is no such flag, nothing is to be feared.
local WITHOUT_WAITING = uv.constants.O_RDONLY + (uv.constants.O_NONBLOCK or 0)

local function path_of(folder, certificate)
  return ("%s/%s.ocsp"):format(folder, certificate.fingerprint256:gsub(":", ""):lower())
end

--- @param folder string
--- @param certificate tls.X509Certificate
--- @return string? response
--- @return table? err nil where there is no such file
function response_files.read(folder, certificate)
  local response, err = file.read(path_of(folder, certificate), MOST, WITHOUT_WAITING)
  if err and err.code == "ENOENT" then err = nil end
  return response, err
end

--- @param folder string
--- @param certificate tls.X509Certificate
--- @param response string
--- @return table? err
function response_files.write(folder, certificate, response)
  return file.replace(path_of(folder, certificate), response)
end

return response_files
