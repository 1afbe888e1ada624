# In a chroot with Debian's packages: the images of initramfs-tools and dracut for kernel $1, whose root has the UUID $2, under
# /bench. Of one that cannot be made, NAME.why has the last that its tool said.
set -eu
version=$1 LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL PATH
mount -t proc proc /proc
trap 'umount /proc' EXIT
echo "UUID=$2 / ext4 ro 0 1" >/etc/fstab
new=/bench/.new
rm -rf /bench
mkdir -p $new

# made NAME COMMAND...: the command makes NAME.img.
made() {
    name=$1
    shift
    if "$@" >$new/$name.log 2>&1; then return; fi
    { tail -n 1 $new/$name.log | grep . || echo "$1 failed and said nothing"; } >$new/$name.why
    rm -f $new/$name.img
}

made most mkinitramfs -o $new/most.img "$version"
cp -a /etc/initramfs-tools $new/list
sed -i 's/^MODULES=.*/MODULES=list/' $new/list/initramfs.conf
printf 'virtio_pci\nvirtio_blk\n' >$new/list/modules
made list mkinitramfs -d $new/list -o $new/list.img "$version"
# As its package does it, but for any machine: this one is none that boots the image.
made dracut dracut --force --no-hostonly --no-early-microcode --kver "$version" $new/dracut.img
# The least it can do: no systemd, the modules by name.
made dracut-minimal dracut --force --no-hostonly --no-early-microcode --modules "base rootfs-block udev-rules kernel-modules fs-lib" \
    --drivers "virtio_blk virtio_pci" --kver "$version" $new/dracut-minimal.img
mv $new "/bench/$version"
