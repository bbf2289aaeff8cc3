--- Internal. The version of tls, by https://semver.org. This file alone says it: `make rockspec` writes the core's
-- (csrc/lua/version.h) and the rockspec of the release.
-- @module tls.support.version

return "0.9.0"
