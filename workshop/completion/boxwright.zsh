# Completion of the workshop's commands in zsh: source this file in ~/.zshrc, behind compinit.

typeset -g _boxwright_candidates=${${(%):-%x}:A:h}/candidates.sh
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit -i }

# What completes npm without us.
typeset -g _boxwright_other=${_comps[npm]:-}
[[ $_boxwright_other != _boxwright ]] || _boxwright_other=''

_boxwright() {
  local answer line
  local -a described
  if ! answer=$(sh $_boxwright_candidates "${(@)words[2,CURRENT]}" 2> /dev/null); then
    [[ -z $_boxwright_other ]] || $_boxwright_other "$@"
    return
  fi
  if [[ $answer == :files ]]; then
    _files
    return
  fi
  for line in ${(f)answer}; do
    # A colon divides the word from what it is.
    described+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}")
  done
  _describe -V 'the workshop' described
}

compdef _boxwright npm
