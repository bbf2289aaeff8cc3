-- over(base, more): the options of both; those of `more` count.
return function(base, more)
  local options = {}
  for _, given in ipairs { base, more or {} } do
    for name, value in pairs(given) do options[name] = value end
  end
  return options
end
