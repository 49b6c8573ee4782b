#!/bin/bash
# Makes an image of busybox from the Debian package, for pods of tests and as sandbox image; prints the archive's path.
. "$(dirname "$(readlink -f "$0")")/common.sh"

archive=$STATE/busybox.tar
if [ ! -s "$archive" ]; then
  work=$(mktemp -d "$STATE/image.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  mkdir -p "$work/root/bin" "$work/root/etc" "$work/root/tmp" "$work/image"
  cp "$PACKAGES/bin/busybox" "$work/root/bin/busybox"
  for name in $("$work/root/bin/busybox" --list); do [ "$name" = busybox ] || ln -s busybox "$work/root/bin/$name"; done
  echo 'root:x:0:0:root:/:/bin/sh' >"$work/root/etc/passwd"
  tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -C "$work/root" -cf "$work/image/layer.tar" .
  layer=$(sha256sum <"$work/image/layer.tar" | cut -d' ' -f1)
  cat >"$work/image/config.json" <<JSON
{"architecture": "$(dpkg --print-architecture)", "os": "linux", "rootfs": {"type": "layers", "diff_ids": ["sha256:$layer"]},
 "config": {"Env": ["PATH=/bin"], "Cmd": ["/bin/sleep", "2147483647"]}}
JSON
  echo "[{\"Config\": \"config.json\", \"RepoTags\": [\"$TEST_IMAGE\"], \"Layers\": [\"layer.tar\"]}]" >"$work/image/manifest.json"
  tar -C "$work/image" -cf "$archive.part" manifest.json config.json layer.tar
  mv "$archive.part" "$archive"
fi
echo "$archive"
