--- Internal. Files that are read and written whole, at once.
-- @module tls.support.file

local uv = require "luv"
local errors = require "tls.support.errors"

local file = {}

local PIECE = 65536

local function failed(err, syscall, path)
  local code = tostring(err):match "^[%u%d_]+"
  local reason = tostring(err):match "^[%u%d_]+: ([^:]+)"
  return errors.with_reason(reason and code .. ": " .. reason or code, syscall, { path = path })
end

-- Up to the end, or to one byte more than `most`: what is no regular file (a pipe, a device) does not say its size.
local function read_pieces(fd, most)
  local pieces, size = {}, 0
  while size <= most do
    local piece, err = uv.fs_read(fd, math.min(PIECE, most + 1 - size), -1)
    if not piece then return nil, err end
    if piece == "" then break end
    pieces[#pieces + 1], size = piece, size + #piece
  end
  return table.concat(pieces), size
end

--- Reads a file. One that is a pipe is waited for.
--- @param path string
--- @param most integer bytes
--- @param flags? integer|string of open(2), default "r"
--- @return string? text nil when it cannot be read
--- @return table? err with `code` (ENOENT, EACCES, EISDIR, ...; ERR_FS_FILE_TOO_LARGE), `syscall` and `path`
function file.read(path, most, flags)
  local fd, open_error = uv.fs_open(path, flags or "r", 0)
  if not fd then return nil, failed(open_error, "open", path) end
  local text, size = read_pieces(fd, most)
  uv.fs_close(fd)
  if not text then return nil, failed(size, "read", path) end
  if size <= most then return text end
  return nil, errors.new("ERR_FS_FILE_TOO_LARGE",
    ("%s has more than %d MiB"):format(path, math.floor(most / 2 ^ 20)), { syscall = "read", path = path })
end

local OWNER_WRITES = 420 -- rw-r--r--

local function write_all(fd, text)
  local at = 0
  while at < #text do
    local n, err = uv.fs_write(fd, text:sub(at + 1), at)
    if not n then return err end
    at = at + n
  end
end

--- Puts a file in the place of another one, or of none: whoever reads it sees the old one or the new one, whole. It is
-- written under a name that nothing has: what somebody has put into the folder, a link say, is not written through.
--- @param path string
--- @param text string
--- @return table? err with `code`, `syscall` and `path`; then the old one is still there
function file.replace(path, text)
  local beside = ("%s.%d-%.0f.new"):format(path, uv.os_getpid(), uv.hrtime())
  local fd, open_error = uv.fs_open(beside, "wx", OWNER_WRITES)
  if not fd then return failed(open_error, "open", beside) end
  local write_error = write_all(fd, text)
  uv.fs_close(fd)
  local done, rename_error = false, nil
  if not write_error then done, rename_error = uv.fs_rename(beside, path) end
  if done then return nil end
  uv.fs_unlink(beside)
  return failed(write_error or rename_error, write_error and "write" or "rename", path)
end

return file
