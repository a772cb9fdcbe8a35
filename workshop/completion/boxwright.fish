# Completion of the workshop's commands in fish: source this file in ~/.config/fish/config.fish.

set -g __boxwright_candidates (realpath (status dirname))/candidates.sh

function __boxwright_ask
    set -l words (commandline -opc) (commandline -ct)
    sh $__boxwright_candidates $words[2..-1] 2>/dev/null
end

function __boxwright_knows
    set -l answer (__boxwright_ask); and test "$answer" != :files
end

# fish's own completion of npm would go on to offer the names of scripts behind a script.
complete -C 'npm run ' >/dev/null 2>&1
if functions -q __fish_npm_run; and not functions -q __boxwright_npm_run
    functions -c __fish_npm_run __boxwright_npm_run
    function __fish_npm_run
        __boxwright_ask >/dev/null; or __boxwright_npm_run
    end
end

complete -c npm -n __boxwright_knows -f -k -a '(__boxwright_ask)'
complete -c npm -n 'not __boxwright_knows' -F
