--- Internal. Responses in a folder, so that a server has one when it starts again. A file has the name of its
-- certificate's fingerprint, and is verified like anything else that was read.
-- @module tls.ocsp.response_files

local file = require "tls.support.file"

local response_files = {}

local MOST = 65535

local function path_of(folder, certificate)
  return ("%s/%s.ocsp"):format(folder, certificate.fingerprint256:gsub(":", ""):lower())
end

--- @param folder string
--- @param certificate tls.X509Certificate
--- @return string? response
--- @return table? err nil where there is no such file
function response_files.read(folder, certificate)
  local response, err = file.read(path_of(folder, certificate), MOST)
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
