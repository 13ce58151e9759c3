module labkit.local/nodeimage/hold

go 1.21
