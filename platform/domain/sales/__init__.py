"""Sales orders 销售订单 from signature to delivery."""
