# Completion of the workshop's commands in bash: source this file in ~/.bashrc, behind what completes npm otherwise.

_boxwright_candidates=$(cd "${BASH_SOURCE[0]%/*}" && pwd)/candidates.sh

# What completes npm without us; bash-completion loads it when it is first asked for.
_boxwright_others() { complete -p npm 2>/dev/null | sed -n 's/.* -F \([^ ]*\) .*/\1/p'; }
_boxwright_other=$(_boxwright_others)
if [ -z "$_boxwright_other" ]; then
  for _boxwright_loader in _comp_load __load_completion; do
    if declare -F "$_boxwright_loader" > /dev/null; then
      "$_boxwright_loader" npm > /dev/null 2>&1
      _boxwright_other=$(_boxwright_others)
      break
    fi
  done
fi
[ "$_boxwright_other" != _boxwright ] || _boxwright_other=''

_boxwright() {
  local current=${COMP_WORDS[COMP_CWORD]} answer word
  if ! answer=$(sh "$_boxwright_candidates" "${COMP_WORDS[@]:1:COMP_CWORD}" 2> /dev/null); then
    [ -z "$_boxwright_other" ] || "$_boxwright_other" "$@"
    return
  fi
  COMPREPLY=()
  if [ "$answer" = :files ]; then
    compopt -o filenames 2> /dev/null
    while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -f -- "$current")
    return
  fi
  # Where nothing fits, nothing is said: names of files would be wrong.
  compopt +o default +o bashdefault 2> /dev/null
  while IFS=$'\t' read -r word _; do
    [[ -z $word || $word != "$current"* ]] || COMPREPLY+=("$word")
  done <<< "$answer"
}

complete -o default -o bashdefault -F _boxwright npm
